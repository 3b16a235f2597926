// Package archtest holds the rules that the rooms of this repository keep; its tests check them (make rules).
package archtest
