// Package deploy holds the set-up of the servers that tabi needs, as files.
package deploy

import (
	"embed"
	"io/fs"
)

//go:embed temporal/production.yaml temporal/dynamicconfig.yaml temporal/schema.sh temporal/certs.sh
var files embed.FS

// Temporal is the folder of Temporal on PostgreSQL: configuration, dynamic configuration, schema.
func Temporal() fs.FS {
	sub, err := fs.Sub(files, "temporal")
	if err != nil {
		panic(err) // the folder is named above
	}
	return sub
}
