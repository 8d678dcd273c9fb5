"""From DICOM folders and labelled images to slice stores and frozen tasks."""
