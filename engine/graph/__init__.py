"""Programs as data: what `tf.function` makes of a Python function.

graph     Graph and Node: a straight-line program, value by value
builder   writes down the operations of a Python function while it runs once with symbolic tensors
verifier  checks that a graph is well formed, after building and after every pass
passes    programs into equal but smaller programs
codegen   a graph as Python source, compiled to one function
picture   a graph as a listing, as a dictionary and as an SVG drawing
"""
