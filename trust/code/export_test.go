package code

// Verify is the check of a signature over any message, for other people's
// vectors.
var Verify = VerifyMessage
