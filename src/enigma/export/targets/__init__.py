"""What a kernel can be exported to: a file for each target, whose `files(bundle)` returns the texts of a folder."""
