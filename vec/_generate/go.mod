module github.com/climb-go/climb/vec/_generate

go 1.26.0
