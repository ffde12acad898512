"""The forge: recipes that train the studio's own networks, from pictures in zip archives to a card with weights.

`python -m engines.train RECIPE --data ZIP … --run DIR` is a child process whose run folder is its only interface.
A recipe is one module of `engines/train/recipes`; it is found by scanning, so adding one edits nothing else.
"""
