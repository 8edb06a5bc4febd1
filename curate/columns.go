package curate

import "github.com/climb-go/climb/stage"

// What is known of every document, by shard and row.
var (
	VectorOf   = stage.Column{Stage: "embed", Ext: "npy", Dtype: "<f2"}        // of length 1
	ClusterOf  = stage.Column{Stage: "cluster", Ext: "npy", Dtype: "<i4"}      // index
	DistanceOf = stage.Column{Stage: "cluster", Ext: "dist.npy", Dtype: "<f4"} // squared, from the centroid
	scoresOf   = stage.Column{Stage: "label", Ext: "npy", Dtype: "<f4"}        // one column for each score
	bytesOf    = stage.Column{Stage: "label", Ext: "bytes.npy", Dtype: "<i4"}  // of the text
	tagOf      = stage.Column{Stage: "tags", Ext: "npy", Dtype: "<i4"}         // index of the shard's list of labels
	mergedOf   = stage.Column{Stage: "domains", Ext: "npy", Dtype: "<i2"}      // domain of its cluster and label, -1: pruned
	DomainOf   = stage.Column{Stage: "assign", Ext: "npy", Dtype: "<i2"}       // domain, or a code below 0
	TokensOf   = stage.Column{Stage: "encode", Ext: "npy", Dtype: "<i4"}       // number of tokens, 0 without a domain
)
