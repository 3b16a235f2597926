package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tabi-journeys/tabi/internal/app"
)

// server is a Temporal to run on, and where databases can be made.
type server struct {
	name     string
	temporal string                            // address
	database func(name string) (string, error) // makes an empty one
	version  map[string]string
	stop     func()
}

// startDevelopment starts Temporal's development server as `tabi dev` does, with databases in SQLite files.
func startDevelopment(ctx context.Context, dir string) (*server, error) {
	d, err := app.StartDevServer(app.DevServerOptions{DataDir: filepath.Join(dir, "temporal"), Headless: true})
	if err != nil {
		return nil, err
	}
	_ = ctx
	return &server{name: "dev", temporal: d.Address, stop: d.Stop, database: func(name string) (string, error) {
		path := filepath.Join(dir, name+".db")
		if _, err := os.Stat(path); err == nil {
			return "", fmt.Errorf("database %s is there already", name)
		}
		return path, nil
	}}, nil
}

// startServer starts a server by its name.
func startServer(ctx context.Context, name, dir string) (*server, error) {
	switch name {
	case "dev":
		return startDevelopment(ctx, filepath.Join(dir, name))
	}
	return nil, fmt.Errorf("--server: there is no %q; there are dev and postgres", name)
}
