// Command readlog reads a custodian's log as any program does that knows C2SP's logs and nothing of this project:
//
//	readlog URL VERIFIER-KEY OLD-SIZE OLD-ROOT
//
// It opens the signed checkpoint, reads every entry under it, checks each against the root, and checks that the log
// begins with the one of the old size and root. It prints what it found as JSON.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type found struct {
	Origin  string `json:"origin"`
	Size    int64  `json:"size"`
	Entries int64  `json:"entries"`
	Digest  string `json:"digest"`
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: readlog URL VERIFIER-KEY OLD-SIZE OLD-ROOT")
		os.Exit(2)
	}
	report, err := read(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(report)
}

func read(ctx context.Context, url, vkey, oldSize, oldRoot string) (*found, error) {
	fetcher, err := torchwood.NewTileFetcher(url)
	if err != nil {
		return nil, err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		return nil, err
	}
	if checkpoint.Origin != verifier.Name() {
		return nil, fmt.Errorf("origin %q under the key of %q", checkpoint.Origin, verifier.Name())
	}
	digest := sha256.New()
	entries, err := readEntries(ctx, fetcher, checkpoint.Tree, func(entry []byte) { digest.Write(entry) })
	if err != nil {
		return nil, err
	}
	if err := checkGrowth(ctx, fetcher, checkpoint.Tree, oldSize, oldRoot); err != nil {
		return nil, err
	}
	return &found{checkpoint.Origin, checkpoint.N, entries, base64.StdEncoding.EncodeToString(digest.Sum(nil))}, nil
}

// readEntries reads all entries in order; the client checks each against the tree's root.
func readEntries(ctx context.Context, tr torchwood.TileReader, tree tlog.Tree, take func([]byte)) (int64, error) {
	client, err := torchwood.NewClient(tr)
	if err != nil {
		return 0, err
	}
	var next int64
	for next < tree.N { // an iteration may end before a partial tile
		before := next
		for index, entry := range client.Entries(ctx, tree, next) {
			if index != next {
				return next, fmt.Errorf("entry %d came in the place of %d", index, next)
			}
			take(entry)
			next++
		}
		if err := client.Err(); err != nil {
			return next, err
		}
		if next == before {
			return next, fmt.Errorf("the log ends at %d of %d", next, tree.N)
		}
	}
	return next, nil
}

func checkGrowth(ctx context.Context, tr torchwood.TileReader, tree tlog.Tree, size, root string) error {
	old, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	decoded, err := base64.StdEncoding.DecodeString(root)
	if err != nil || len(decoded) != tlog.HashSize {
		return fmt.Errorf("no root: %q", root)
	}
	hashes := torchwood.TileHashReaderWithContext(ctx, tree, tr)
	proof, err := tlog.ProveTree(tree.N, old, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old, tlog.Hash(decoded))
}
