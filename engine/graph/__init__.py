"""Programs as data: what `tf.function` makes of a Python function.

graph     Graph and Node: a straight-line program, value by value
builder   writes down the operations of a Python function while it runs once with symbolic tensors
verifier  checks that a graph is well formed, after building and after every pass
passes    programs into equal but smaller programs
plan      which arrays a run needs, and which can share memory
codegen   a graph as Python source, compiled to one function
native    parts of a graph as machine code
tiers     when a graph goes over from Python source on NumPy to machine code
concrete  a graph that is ready to be called
launch    the short way from a call to its graph
quiet     runs without NumPy's warnings
control   branches and loops in graphs
picture   a graph as a listing, as a dictionary and as an SVG drawing
"""
