"""A phantom of 12 patients."""


def write(folder):
    return {"phantom": {"labelled_patients": 12, "labelled_slices": 1, "size": 32}, "positive": "finding"}
