"""All that is known of each intrinsic: one row of one table each."""
