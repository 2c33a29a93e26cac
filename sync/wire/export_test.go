package wire

// The JSON form of a batch, for the test that writes the AsyncAPI document.
type (
	BatchJSON  = batchJSON
	BatchFrame = batchFrame
	ItemJSON   = itemJSON
)
