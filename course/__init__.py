"""The course: lesson notebooks, the widgets they use (`course.lab`), and the list of chapters."""
