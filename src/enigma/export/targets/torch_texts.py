"""The parts of a file for PyTorch that are the same for every kernel; a file has those that it uses."""

from __future__ import annotations

LAUNCH = '''
@functools.cache
def _kernel():
    """Return the kernel, which PyTorch compiles at the first call."""
    return getattr(torch.mps.compile_shader(SOURCE), ENTRY)


def _launch(arguments, casts, written, grid, threads):
    """Run the kernel on arguments in order; `written` are the places of the tensors that it writes."""
    total, group = _extents("grid", grid), _extents("threads", threads)
    count, limit = math.prod(group), _kernel().max_threads_per_threadgroup
    if count > limit:
        raise ValueError(f"threads is {threads}, {count} in all, but on this GPU the kernel can have {limit}")
    spans = {k: (x.data_ptr(), x.data_ptr() + x.nbytes) for k, x in enumerate(arguments) if isinstance(x, torch.Tensor)}
    for k in written:
        for other, (start, end) in spans.items():
            if other != k and start < spans[k][1] and spans[k][0] < end:
                raise ValueError(f"the arguments {k} and {other} share memory, and the kernel writes argument {k}")
    _kernel()(*arguments, threads=total, group_size=group, arg_casts=casts)
    for k in written:
        torch.autograd.graph.increment_version(arguments[k])


def _extents(name, size):
    """Return a size as three extents."""
    extents = [size] if isinstance(size, int) else list(size)
    if not 1 <= len(extents) <= 3 or any(not isinstance(extent, int) or extent < 1 for extent in extents):
        raise ValueError(f"{name} must be an int or up to three of them, at least 1, but it is {size!r}")
    return extents + [1] * (3 - len(extents))


def _tensor(name, x, dtype, *, start, rows=1, least=1, exactly=None, written=False):
    """Return a tensor that the kernel can use where it is; anything else is refused."""
    if x.device.type != DEVICE or x.dtype != getattr(torch, dtype) or not x.is_contiguous():
        raise ValueError(
            f"{name} must be a contiguous tensor of {dtype} on {DEVICE}, but it has {x.dtype} on {x.device} with the strides "
            f"{x.stride()}"
        )
    count, offset = x.numel(), x.storage_offset() * x.element_size()
    if count < least or count % rows or exactly not in (None, count):
        wanted = f"{exactly} numbers" if exactly else f"a multiple of {rows} numbers, {least} or more"
        raise ValueError(f"{name} has {count} numbers, but the kernel wants {wanted}")
    if offset % start:
        raise ValueError(f"{name} starts at byte {offset} of its memory, no multiple of {start}: pass {name}.clone()")
    if written and x.requires_grad and torch.is_grad_enabled():
        raise ValueError(f"{name} requires grad, and autograd does not see what the kernel writes")
    return x
'''

INTEGER = '''
def _integer(name, value, low, high):
    """Return an int that fits, an unsigned one as the signed int of the same bits."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, but it must be from {low} to {high}")
    return int(value) - (high + 1 if low == 0 and value > high // 2 and high > 255 else 0)
'''

HALF = '''
def _half(value):
    """Return a float rounded to half precision, once."""
    return struct.unpack("<e", struct.pack("<e", value))[0]
'''

BFLOAT = '''
def _bfloat(value):
    """Return the bits of a float rounded to bfloat16."""
    return torch.tensor(value, dtype=torch.bfloat16).view(torch.int16).item() & 0xFFFF
'''

FLOAT = '''
def _float(value):
    """Return a number as a float, which no other parameter hides."""
    return value * 1.0
'''

CHECK = '''
def _read(name, dtype, shape):
    """Return an array of the reference launch."""
    data = bytearray((pathlib.Path(__file__).parent / "vectors" / name).read_bytes())
    return torch.frombuffer(data, dtype=getattr(torch, dtype)).reshape(shape).to(DEVICE)


def _compare(name, found, expected, rtol, atol):
    """Raise AssertionError where an array is not what the kernel should have written."""
    if rtol or atol:
        torch.testing.assert_close(
            found, expected, rtol=rtol, atol=atol, equal_nan=True, msg=lambda said: f"{name}: {said}"
        )
    elif not torch.equal(found.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8)):
        raise AssertionError(f"{name} differs from the reference")
'''
