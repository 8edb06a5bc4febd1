//go:build linux && !browser

package main

import "log"

func paint(string, string, int) (*PaintRow, error) {
	log.Print("first paint is left out: go run -tags browser ./bench/serve measures it")
	return nil, nil
}
