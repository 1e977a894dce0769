"""Builds the Go program of oamkit-binaries; standard library only, since it runs before anything is installed."""
