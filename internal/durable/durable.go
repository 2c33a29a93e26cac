// Package durable writes files so that a crash or a power cut leaves either the old content or the new one, never a mixture and never an empty file.
//
// [WriteFile] writes a temporary file beside the target, syncs it, renames it over the target and syncs the folder, in this order: the data has to
// be on the disk before the name points at it, and the name is on the disk only when the folder is. When it returns nil, the new content survives
// power loss. When it returns an error, the target has its old content or the new one; a caller that must know reads it back.
//
// Folders made by [MkdirAll] are as durable as the files in them. Temporary files begin with a dot and end in ".tmp"; one that a crash left behind
// is harmless and may be deleted.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the content of path by data, atomically and durably, with the given permissions whatever the umask says.
// The folder must exist. Concurrent calls for one path are safe: one of them wins as a whole.
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(perm); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// WriteNew is WriteFile for a file that must not exist yet: it fails with an error that wraps [fs.ErrExist] if path is there, also when
// another process makes it at the same moment. Keys are written with it, so that none is ever overwritten.
func WriteNew(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// A hard link, unlike a rename, refuses to replace.
	if err := os.Link(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(dir)
}

// MkdirAll makes the folder path and those above it that are missing, and syncs each folder that got a new name in it.
func MkdirAll(path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	switch st, err := os.Stat(path); {
	case err == nil && st.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("make folder %s: a file of this name is in the way", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make folder: %w", err)
	}
	parent := filepath.Dir(path)
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	if err := os.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder: %w", err)
	}
	return SyncDir(parent)
}

// SyncDir makes the names in a folder durable: files created, renamed or removed in it.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
