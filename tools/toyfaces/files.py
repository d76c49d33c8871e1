"""Files that are whole or not there."""


def write_text(file, text):
    """Never half written, whatever ends the program."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text)
    part.replace(file)
