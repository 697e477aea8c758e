"""Native kernels: parts of a graph as machine code, made while the program runs.

writer      Scalars and loops as LLVM's language, a text
functions   exp, log, tanh ... written with arithmetic alone
loops       part of a graph as nests of loops over arrays
machine     from that text to a function that Python can call; needs the package llvmlite
"""
