"""The parts of a file for MLX that are the same for every kernel; a file has those that it uses."""

from __future__ import annotations

LAUNCH = '''
def _launch(inputs, shapes, dtypes, grid, threads):
    """Return the outputs of the kernel as an operation of MLX: they are zero at first, and computed when MLX evaluates them."""
    total, group = _extents("grid", grid), _extents("threads", threads)
    if math.prod(group) > 1024:
        raise ValueError(f"threads is {threads}, {math.prod(group)} in all, but a threadgroup has 1024 at most")
    shapes = [[shape] if isinstance(shape, int) else list(shape) for shape in shapes]
    found = _kernel()(
        inputs=inputs, output_shapes=shapes, output_dtypes=dtypes, grid=total, threadgroup=group, init_value=0,
        stream=STREAM,
    )
    return found[0] if len(found) == 1 else tuple(found)


def _extents(name, size):
    """Return a size as three extents."""
    extents = (size,) if isinstance(size, int) else tuple(size)
    if not 1 <= len(extents) <= 3 or any(not isinstance(extent, int) or extent < 1 for extent in extents):
        raise ValueError(f"{name} must be an int or up to three of them, at least 1, but it is {size!r}")
    return extents + (1,) * (3 - len(extents))


def _array(name, x, dtype, *, rows=1, least=1, exactly=None):
    """Return an array that fits, of eight elements at least, for MLX passes smaller ones in another way."""
    if not isinstance(x, mx.array) or x.dtype != dtype:
        raise ValueError(f"{name} must be an array of {dtype}, but it is {getattr(x, 'dtype', type(x))}")
    if x.size < least or x.size % rows or exactly not in (None, x.size):
        wanted = f"{exactly} numbers" if exactly else f"a multiple of {rows} numbers, {least} or more"
        raise ValueError(f"{name} has {x.size} numbers, but the kernel wants {wanted}")
    return x if x.size >= 8 else mx.concatenate([x.reshape((-1,)), mx.zeros((8,), dtype=dtype)])
'''

NUMBER = '''
def _number(name, value, dtype, low=None, high=None):
    """Return a number, or an array without axes, as MLX passes it by value."""
    if isinstance(value, mx.array):
        if value.ndim or value.dtype != dtype:
            raise ValueError(f"{name} must be a number of {dtype}, but it is an array of {value.dtype} {value.shape}")
        return value
    if low is not None and not low <= value <= high:
        raise ValueError(f"{name} is {value}, but it must be from {low} to {high}")
    return mx.array(value, dtype=dtype)
'''

CHECK = '''
def _read(name, dtype, shape):
    """Return an array of the reference launch."""
    stored = np.dtype("uint16" if dtype == mx.bfloat16 else str(dtype).rpartition(".")[2].rstrip("_")).newbyteorder("<")
    data = np.frombuffer((pathlib.Path(__file__).parent / "vectors" / name).read_bytes(), stored)
    found = mx.array(data.astype(stored.newbyteorder("=")))
    return (found.view(mx.bfloat16) if dtype == mx.bfloat16 else found).reshape(shape)


def _compare(name, found, expected, rtol, atol):
    """Raise AssertionError where an array is not what the kernel should have written."""
    if rtol or atol:
        wide = [np.array(x.astype(mx.float32)) for x in (found, expected)]
        np.testing.assert_allclose(*wide, rtol=rtol, atol=atol, equal_nan=True, err_msg=name)
    elif not mx.array_equal(found.reshape((-1,)).view(mx.uint8), expected.reshape((-1,)).view(mx.uint8)).item():
        raise AssertionError(f"{name} differs from the reference")
'''
