using System.Globalization;
using System.Numerics;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>Writes a tensor's elements as text.</summary>
internal sealed class TensorPrinter : IDisposable
{
    private const string Ellipsis = "...";

    private readonly Tensor _tensor;
    private readonly Tensor _dense;   // the same elements in the CPU's memory, row by row and as they are
    private readonly long[] _shape;
    private readonly ScalarType _type;
    private readonly string _format;
    private readonly int _width;
    private readonly CultureInfo _culture;
    private readonly string _newLine;
    private readonly StringBuilder _text = new();

    internal TensorPrinter(Tensor tensor, string format, int width, CultureInfo culture, string newLine)
    {
        _tensor = tensor;
        using (Tensor plain = tensor.detach())
        using (Tensor here = plain.cpu())
        using (Tensor resolved = here.Resolved())
            _dense = resolved.contiguous();
        _shape = tensor.shape;
        _type = tensor.dtype;
        _format = format;
        _width = width;
        _culture = culture;
        _newLine = newLine;
    }

    public void Dispose() => _dense.Dispose();

    internal string Numpy()
    {
        if (_shape.Length == 0) return Element(0);
        Brackets(0, 0, '[', ']', "", "", numpy: true);
        return _text.ToString();
    }

    internal string CSharp()
    {
        (string name, string suffix) = _type switch
        {
            ScalarType.Bool => ("bool", ""),
            ScalarType.Byte => ("byte", ""),
            ScalarType.Int8 => ("sbyte", ""),
            ScalarType.Int16 => ("short", ""),
            ScalarType.Int32 => ("int", ""),
            ScalarType.Int64 => ("long", "L"),
            ScalarType.Float32 => ("float", "f"),
            ScalarType.Float64 => ("double", ""),
            ScalarType.BFloat16 => ("bfloat16", "f"),
            ScalarType.Float16 => ("float16", "f"),
            ScalarType.ComplexFloat32 => ("complex32", ""),
            ScalarType.ComplexFloat64 => ("complex64", ""),
            _ => ("", ""),
        };
        _text.Append(_tensor).Append(", value = ");
        if (_shape.Length == 0) return _text.Append(Element(0)).ToString();
        if (_shape.Length > 1) _text.Append(_newLine);
        _text.Append(name).Append(" [").Append(',', _shape.Length - 1).Append("] ");
        Brackets(0, 0, '{', '}', suffix, "," + _newLine, numpy: false);
        return _text.ToString();
    }

    internal string Julia()
    {
        _text.Append(_tensor);
        switch (_shape.Length)
        {
            case 0:
                _text.Append(", value = ").Append(Element(0));
                break;
            case 1:
                _text.Append(_newLine);
                Table(0, 1, _shape[0]);
                break;
            case 2:
                _text.Append(_newLine);
                Table(0, _shape[0], _shape[1]);
                break;
            default:
                long rows = _shape[^2], columns = _shape[^1];
                long tables = _shape[..^2].Aggregate(1L, (product, length) => product * length);
                for (long i = 0; i < tables; i++)
                {
                    _text.Append(_newLine).Append('[').Append(string.Join(',', PlaceOf(i))).Append(",..,..] =").Append(_newLine);
                    Table(i * rows * columns, rows, columns);
                }
                break;
        }
        return _text.ToString();
    }

    // Nested brackets, with the middle of long axes left out. NumPy's style leaves an empty line more per outer axis.
    private void Brackets(int axis, long start, char open, char close, string suffix, string separator, bool numpy)
    {
        bool outermost = axis == 0 && _shape.Length > 1 && !numpy;
        _text.Append(open);
        if (outermost) _text.Append(_newLine).Append(' ');

        long length = _shape[axis];
        if (axis == _shape.Length - 1)
        {
            foreach ((long i, bool gap) in Shown(length, MaxColumns))
            {
                if (gap) _text.Append(Ellipsis).Append(' ');
                _text.Append(Element(start + i)).Append(suffix);
                if (i < length - 1) _text.Append(", ");
            }
        }
        else
        {
            long step = _shape[(axis + 1)..].Aggregate(1L, (product, l) => product * l);
            string between = numpy ? string.Concat(Enumerable.Repeat(_newLine, _shape.Length - axis - 1)) : separator;
            foreach ((long i, bool gap) in Shown(length, MaxRows))
            {
                if (gap) _text.Append(' ', axis).Append(' ').Append(Ellipsis).Append(numpy ? between : _newLine);
                if (i > 0) _text.Append(' ', axis + 1);
                Brackets(axis + 1, start + i * step, open, close, suffix, separator, numpy);
                if (i < length - 1) _text.Append(between);
            }
        }

        if (outermost) _text.Append(_newLine);
        _text.Append(close);
    }

    // The first and last positions of an axis, and whether some were left out before this one.
    private static IEnumerable<(long Position, bool Gap)> Shown(long length, int most)
    {
        long tail = most / 2, head = most - tail;
        for (long i = 0; i < length; i++)
        {
            bool gap = length > most && i == head;
            if (gap) i = length - tail;
            if (i < length) yield return (i, gap);
        }
    }

    // Rows as wide as the line, each column as wide as its widest number.
    private void Table(long start, long rows, long columns)
    {
        var cells = new List<string>[rows];
        for (long i = 0; i < rows; i++)
        {
            var row = cells[i] = [];
            int room = _width;
            for (long j = 0; j < columns; j++)
            {
                string cell = Element(start + i * columns + j);
                if (room - cell.Length - Ellipsis.Length - 1 < 0) break;
                row.Add(cell);
                room -= cell.Length + 1;
            }
        }

        int shown = cells.Length == 0 ? 0 : cells.Min(row => row.Count);
        int[] widths = [.. Enumerable.Range(0, shown).Select(j => cells.Max(row => row[j].Length))];
        foreach (List<string> row in cells)
        {
            for (int j = 0; j < shown; j++) _text.Append(' ').Append(row[j].PadLeft(widths[j]));
            if (shown < columns) _text.Append(' ').Append(Ellipsis);
            _text.Append(_newLine);
        }
    }

    // The leading indices of the i-th table.
    private long[] PlaceOf(long i)
    {
        var place = new long[_shape.Length - 2];
        for (int axis = place.Length - 1; axis >= 0; axis--) i = Math.DivRem(i, _shape[axis], out place[axis]);
        return place;
    }

    private string Element(long i) => _type switch
    {
        ScalarType.Byte => _dense.ReadCpuByte(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Int8 => _dense.ReadCpuSByte(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Int16 => _dense.ReadCpuInt16(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Int32 => _dense.ReadCpuInt32(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Int64 => _dense.ReadCpuInt64(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Bool => _dense.ReadCpuBool(i).ToString(CultureInfo.InvariantCulture),
        ScalarType.Float16 => _dense.ReadCpuFloat16(i).ToString(_format, _culture),
        ScalarType.BFloat16 => _dense.ReadCpuBFloat16(i).ToString(_format, _culture),
        ScalarType.Float32 => _dense.ReadCpuSingle(i).ToString(_format, _culture),
        ScalarType.Float64 => _dense.ReadCpuDouble(i).ToString(_format, _culture),
        ScalarType.ComplexFloat32 when _dense.ReadCpuValue<(float, float)>(i) is var (real, imaginary) =>
            Sum(real != 0, real.ToString(_format, _culture), imaginary != 0, imaginary.ToString(_format, _culture)),
        ScalarType.ComplexFloat64 when _dense.ReadCpuValue<Complex>(i) is var c =>
            Sum(c.Real != 0, c.Real.ToString(_format, _culture), c.Imaginary != 0, c.Imaginary.ToString(_format, _culture)),
        _ => "?",
    };

    private static string Sum(bool hasReal, string real, bool hasImaginary, string imaginary) =>
        !hasImaginary ? real : hasReal ? $"{real}+{imaginary}i" : $"{imaginary}i";
}
