//go:build nogocv

package main

// buildTags are the tags of the commands that the test starts: those of the test itself.
const buildTags = "nogocv"
