"""Native kernels: parts of a graph as machine code, made while the program runs.

writer      Scalars and loops as LLVM's language, a text
functions   exp, log, tanh ... written with arithmetic alone
loops       part of a graph as nests of loops over arrays
kernel      which of its values have arrays, which loops there are, and in what order
vectors     several numbers in one register, for the kernels of convolution and pooling:
windows     the table of these; `sliding` windows, `convolutions`, their `filters`, `depthwise` ones, `pools`
threads     loops whose turns are dealt out among processors
machine     from that text to a function that Python can call; needs the package llvmlite
"""
