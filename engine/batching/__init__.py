"""Many examples at once: a function written for one example, run for all of them in one go.

batch      Batched tensors, and the executor that computes with them
rules      how each primitive meets the axis that counts the examples: one table
control    the rules of cond and while
vectorize  tf.vectorized_map, and the jacobians of GradientTape, written with the two
"""
