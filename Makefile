.PHONY: build dist test lint bench docs ci

build: # ./climb
	CGO_ENABLED=0 go build -o climb ./cmd/climb

dist: # dist/: static binaries, the same bytes anywhere, checksums, licences
	go run ./release

test:
	go test -timeout 20m ./...

lint:
	gofmt -l $$(git ls-files '*.go')
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

bench:
	go test -run '^$$' -bench . ./...

docs: # docs/methods.md from the code, docs/repro.md from its verdicts, docs/gains.svg from the committed results
	go run ./cmd/climb methods --markdown > docs/methods.md
	go run ./cmd/climb repro --markdown > docs/repro.md
	go run ./bench/evidence -figure bench/results/evidence.json > docs/gains.svg

ci:
	.ci/run
