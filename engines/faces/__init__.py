"""The parts of face editing (engines/face_editing.py): each does one thing and knows nothing of the page."""
