"""The operations, one module a family. Read `elementwise` first: it is a table of formulas.

creation     tensors from Python, NumPy and nothing: constant, zeros, range, ...
elementwise  one output element from one element of each input: add, exp, where, cast, ...
layout       shape and the order of axes: reshape, transpose, broadcast_to, ...
sequences    numbers in a row, and what compares with them: range, eye, one_hot, ...
slicing      x[...], and the adjoint of it
indexing     elements by their positions: gather, scatter_nd, ...
joining      several tensors as one and one as several: concat, split, tile, ...
padding      a border: pad
selection    elements by a condition: boolean_mask, dynamic_partition, ...
ordering     sort, top_k, unique, ...
segments     many elements to a few, by a number each carries: segment_sum, bincount, ...
matrices     diagonals and bands: diag, band_part, trace, ...
blocks       space_to_depth, space_to_batch and back
casting      conversions other than cast: saturate_cast, bitcast
reduce       many elements to one: reduce_sum, reduce_max, argmax, ...
integrals    what the next four share: a quadrature, and pieces free of cancellation
gamma        incomplete gamma functions
beta         the incomplete beta function
bessel       Bessel functions
antiderivatives  integrals with names: Dawson's, Fresnel's, Spence's, the exponential one
fourier      Fourier and cosine transforms
framing      signals in overlapping pieces: windows, frames, stft
linalg       matmul
qr           orthonormal columns and a triangle
lu           triangular factors with rows exchanged
bands        matrices with few diagonals
matrix_functions  expm, sqrtm, logm, eig
windows      windows that slide over images: where they lie, how many there are
convolution  conv1d, conv2d, conv3d, depthwise_conv2d, ...; computed in convolution_kernels
convolution_transpose  the adjoint used forwards: conv2d_transpose, ...
pooling      the largest or the mean of windows: max_pool, avg_pool, ...; computed in pooling_kernels
morphology   dilation2d, erosion2d
activations  what stands between layers: softmax, elu, gelu, ...
losses       cross-entropies of logits, and other losses
nn           what networks are made of: dropout, batch_normalization, ..., and all of tf.nn
draws        random numbers as functions of a key
random       draws from the global generator or a seed given to each call; Generator
printing     print, Assert, strings.format
functional   a function over the elements of a tensor: map_fn, scan, foldl, foldr
candidates   classes drawn from very many, and the losses over them
python_calls  Python inside a graph: py_function, numpy_function
isotonic     the nearest falling sequence
sobol        quasi-random points
tensor_array  TensorArray: the results of a loop
operators    gives Tensor and Variable the Python operators
"""
