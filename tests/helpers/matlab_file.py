"""Writes the parts of MATLAB's version 5 format that scipy reads but cannot write.

A string of MATLAB is an object: where it stands there is only its number, and its text
stands in the file's subsystem, an unnamed array of bytes at the end.
"""

import struct

import numpy as np

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
INT8, INT32, UINT32, MATRIX = 1, 5, 6, 14
NUMBERS = {"float64": (6, 9), "uint8": (9, 2), "int16": (10, 3), "uint32": (13, 6)}
NUMBERS |= {"uint64": (15, 13)}
"""Numpy's name of a type -> its class of array, its kind of data."""
CELL, STRUCT, OPAQUE = 1, 2, 17
OBJECT_MARK = 3707764736


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind, shape, *elements, name=""):
    head = element(UINT32, struct.pack("<II", kind, 0))
    if shape is not None:
        head += element(INT32, struct.pack(f"<{len(shape)}i", *shape))
    head += element(INT8, name.encode())
    return element(MATRIX, head + b"".join(elements))


def numbers(values, kind="float64", name=""):
    """An array; a flat one stands upright, as a column."""
    array = np.asarray(values, kind)
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    code, data = NUMBERS[kind]
    return matrix(code, array.shape, element(data, array.tobytes("F")), name=name)


def cells(elements, shape, name=""):
    return matrix(CELL, shape, *elements, name=name)


def record(fields, name=""):
    """A struct of one, from name -> matrix."""
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    width = element(INT32, struct.pack("<i", 32))
    elements = (width, element(INT8, names), *fields.values())
    return matrix(STRUCT, (1, 1), *elements, name=name)


def opaque(kind, content):
    """An object of MATLAB's own."""
    words = (element(INT8, b"MCOS"), element(INT8, kind))
    return matrix(OPAQUE, None, *words, content)


def string(number):
    """The place of a string: the object's number alone."""
    return opaque(b"string", numbers([OBJECT_MARK, 2, 1, 1, number, 1], "uint32"))


def text(word):
    """A string's value: version, dimensions, length, and UTF-16 in words of 8 bytes."""
    packed = word.encode("utf-16-le")
    packed += b"\0" * (-len(packed) % 8)
    words = np.frombuffer(packed, np.uint64)
    return numbers([[1, 2, 1, 1, len(word), *words]], "uint64")


def subsystem(words):
    """The file's subsystem: what the strings number 1, 2, ... say."""
    held = [numbers(np.zeros(8), "uint8"), numbers(np.zeros((1, 0)))]
    held += [text(word) for word in words]
    files = opaque(b"FileWrapper__", cells(held, (len(held), 1)))
    inside = b"\x00\x01IM" + b"\0" * 4 + record({"MCOS": files})
    return numbers(np.frombuffer(inside, np.uint8)[None], "uint8")


def write(path, *variables):
    path.write_bytes(HEADER + b"".join(variables))
    return path
