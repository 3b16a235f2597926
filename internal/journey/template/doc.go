// Package template holds the Liquid engine that lint and rendering share, and checks templates.
package template
