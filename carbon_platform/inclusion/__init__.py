"""From citizens' grams to tonnes and back: pooled batches, one's own footprint, reward honesty."""
