using System.Globalization;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Shape, element type and device, such as <c>[2x3], type = Float32, device = cpu</c>.</summary>
        public override string ToString() => Describe();

        /// <summary>With the elements, in the style of torch.TensorStringStyle, or without them.</summary>
        public string ToString(bool disamb, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null) =>
            disamb ? ToString(torch.TensorStringStyle, fltFormat, width, cultureInfo, newLine) : Describe();

        public string ToString(TensorStringStyle style, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null)
        {
            if (style == TensorStringStyle.Default) style = torch.TensorStringStyle;
            if (style == TensorStringStyle.Metadata || is_meta) return Describe();

            using var printer = new TensorPrinter(this, fltFormat ?? FloatFormat, width ?? LineWidth, cultureInfo ?? CultureInfo.CurrentCulture, newLine ?? NewLine);
            return style switch
            {
                TensorStringStyle.Julia => printer.Julia(),
                TensorStringStyle.Numpy => printer.Numpy(),
                TensorStringStyle.CSharp => printer.CSharp(),
                _ => throw new ArgumentOutOfRangeException(nameof(style), style, "There is no such style."),
            };
        }

        /// <summary>The elements as <see cref="Scalar"/>s, in lists within lists; a tensor without axes is its Scalar.</summary>
        public object tolist()
        {
            long length = Dimensions == 0 ? 0 : size(0);
            if (Dimensions == 0) return ToScalar();
            var list = new System.Collections.ArrayList();
            for (long i = 0; i < length; i++)
            {
                using Tensor part = this[i];
                list.Add(part.tolist());
            }
            return list;
        }

        private string Describe() => IsInvalid ? "" : $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";
    }
}
