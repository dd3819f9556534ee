"""The JSON door: one contract for mini-programs and other programs, and the pages that people open by a link."""
