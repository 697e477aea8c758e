"""The error that every part of graders/ raises when an instructor has to mend something first."""


class CourseError(Exception):
    """Something about the course's own set-up that has to be mended first."""
