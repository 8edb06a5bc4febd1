package report

func render(d *Data) ([]byte, error) { return nil, nil }
