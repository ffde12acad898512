"""The Faces tab's own parts: who is being worked on, quick answers while a slider is dragged, and the API tools."""
