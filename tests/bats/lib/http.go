// SPDX-License-Identifier: GPL-2.0-or-later

// http serves a directory, or gets an address many times over several connections.
//
//	http serve ADDRESS DIRECTORY
//	http get URL TIMES	prints how many were complete, and the hash of each
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// The hash of what is at url.
func get(client *http.Client, url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, answer.Body); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

func getMany(url string, times int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	hashes := make([]string, times)
	errs := make([]error, times)
	var all sync.WaitGroup
	for i := range hashes {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			hashes[i], errs[i] = get(client, url)
		}(i)
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return err
		}
		if hashes[i] != hashes[0] {
			return fmt.Errorf("answer %d is another one", i)
		}
	}
	fmt.Println(times, hashes[0])
	return nil
}

func run(args []string) error {
	if len(args) == 3 && args[0] == "serve" {
		return http.ListenAndServe(args[1], http.FileServer(http.Dir(args[2])))
	}
	if len(args) == 3 && args[0] == "get" {
		times, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return getMany(args[1], times)
	}
	return fmt.Errorf("usage: http serve ADDRESS DIRECTORY | get URL TIMES")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
