package curate

import (
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

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

// What the stages write beside that.
var (
	scanOf      = stage.Files[corpus.ScanResult]{Stage: "corpus", Ext: "json"}
	hashesOf    = stage.Parts{Stage: "corpus", Ext: "scan"}       // of ids and texts
	sourcesOf   = stage.Parts{Stage: "corpus", Ext: "sources"}    // corpus.Sources
	signatureOf = stage.Parts{Stage: "signatures", Ext: "sig"}    // corpus.Sign
	sketchOf    = stage.Parts{Stage: "signatures", Ext: "sketch"} // likewise
	pairsOf     = stage.Parts{Stage: "buckets", Ext: "pairs"}     // corpus.Match
	dropOf      = stage.Parts{Stage: "rows", Ext: "drop"}         // corpus.Rows
	scanReport  = stage.File[ScanReport]{Stage: "rows", Name: "scan.json"}
	idsOf       = stage.Parts{Stage: "embed", Ext: "ids"}        // of the documents, quoted, one a line
	dropSetsOf  = stage.Parts{Stage: "semantic", Ext: "rowsets"} // writeRowSets
	tagNamesOf  = stage.Files[[]string]{Stage: "tags", Ext: "json"}
	overlapRows = stage.Parts{Stage: "overlap", Ext: "rows"} // corpus.Rows
	overlapOf   = stage.Files[overlapReport]{Stage: "overlap", Ext: "json"}
	domainsFile = stage.File[Domains]{Stage: "domains", Name: "domains.json"}
	textOf      = stage.Parts{Stage: "encode", Ext: "tok"} // tokens by domain, then by row
)

// What the stages count.
const (
	documents       = stage.Counter("documents")
	documentsAs     = stage.Counts("documents") // of assign, by domain or code
	bytesAs         = stage.Counts("bytes")     // likewise; of encode, by domain
	prunedDocuments = stage.Counts("pruned_documents")
	prunedBytes     = stage.Counts("pruned_bytes") // by the score that is below its floor
	tokensAs        = stage.Counts("tokens")       // of encode, by domain
	vocabulary      = stage.Counter("vocab")       // of the tokenizer
)

// Scan reads what came of the corpus.
func (r *Curation) Scan() (*ScanReport, error) { return scanReport.ReadFrom(r.Run) }

// Domains reads the output of the domains stage.
func (r *Curation) Domains() (*Domains, error) { return domainsFile.ReadFrom(r.Run) }

// DomainsOf reads it for a plan that reads the stage.
func DomainsOf(p *task.Plan) (*Domains, error) { return domainsFile.Read(p) }

// Assignment is the plan of the stage that gives every document its domain.
func (r *Curation) Assignment() (*task.Plan, error) { return r.Plan(DomainOf.Stage) }
