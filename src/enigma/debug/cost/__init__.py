"""The cost model: what a kernel moves and computes, counted, and what that would cost on each Apple chip, estimated."""
