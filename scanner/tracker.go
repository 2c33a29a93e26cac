package scanner

import "time"

// Sighting is a code in a frame of a video.
type Sighting struct {
	Symbol
	New   bool      // it was not held before this frame: it is seen for the first time, or came back
	Since time.Time // when it was seen first since it came
}

// Tracker reads codes in a video. It looks first where a code was, spends a bounded share of each frame elsewhere, skips frames that did not
// change, and puts together what several frames show of a code that none of them shows well enough. It has no clock: the times are those of the
// frames. It keeps its working memory, so it is not safe for concurrent use.
type Tracker struct {
	scanner *Scanner
}
