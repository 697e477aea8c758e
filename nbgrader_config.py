"""How nbgrader finds this course. It reads this file when it is run in this folder.

Run nbgrader here, or through `make release` and `make grade`, which always do. Outside this folder
nbgrader warns "No nbgrader_config.py file found" and goes on with its defaults: other folders,
another gradebook. It has no --config option: it ignores one, silently, and does the same.
`make grade` refuses to start unless the classes that are active are the ones named here.
"""

from contextlib import suppress
from pathlib import Path

from graders import database

c = get_config()  # noqa: F821 - nbgrader defines it

root = Path(__file__).resolve().parent
course = c.CourseDirectory
course.course_id = "two-x-minus-one"
course.root = str(root)  # absolute, so that a server started in another folder finds the course
course.source_directory = "solutions"
course.release_directory = "exercises"
# Not where submissions are handed in (that is grading/submitted): the clean notebooks that
# graders/intake.py makes of them. Neither nbgrader nor formgrader opens a learner's own file.
course.submitted_directory = "grading/intake"
course.autograded_directory = "grading/autograded"
course.feedback_directory = "grading/feedback"
course.solution_directory = "grading/solution"
course.source_with_tests_directory = "grading/source_with_tests"
# grading/gradebook.db, or what GRADERS_DATABASE names: a database on PostgreSQL.
course.db_url = database.url(root)
database.formgrader_lets_go()

# SQLite creates the gradebook but not the folder it is in, and formgrader fails without it.
with suppress(OSError):
    (root / "grading").mkdir(exist_ok=True)

# nbgrader copies every other file of solutions/<assignment>/ into the release, and with it
# whatever an instructor left there. Only notebooks travel.
course.ignore = ["*"]

# A blank answer raises: the check reads that as "not started yet".
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise NotImplementedError()"}

# nbgrader's own steps but for Execute, which runs a submission in a sandbox (graders/sandbox/), and two more,
# Rebuilt and HarmlessOutput: see graders/preprocess.py.
c.Autograde.sanitize_preprocessors = [
    "graders.preprocess.Rebuilt",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "graders.sandbox.preprocess.SandboxedExecute",
    "graders.preprocess.HarmlessOutput",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# A grade cell that somebody deleted comes back, so that it scores 0 and not "unknown".
c.OverwriteCells.add_missing_cells = True

# The check has its own, shorter limits, with a message; this one is for the learner's own cells.
c.Execute.timeout = 60

# The kernels of a class write no history, and do not warn about their transport one by one.
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=40"]

# What late work costs is said in grading/deadlines.toml: see graders/late.py.
c.AssignLatePenalties.plugin_class = "graders.late.Policy"

# Feedback shows the report of each check, and nothing else that a cell put out: see graders/feedback.py.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "graders.feedback.ReportsOnly",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
