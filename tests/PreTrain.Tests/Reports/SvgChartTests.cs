using System.Xml.Linq;
using PreTrain.Reports;

namespace PreTrain.Tests.Reports;

public sealed class SvgChartTests
{
    [Theory]
    [InlineData(0, 10, 5, 0, 10, 2)]
    [InlineData(1.3, 6.9, 5, 0, 8, 2)]
    [InlineData(0.00013, 0.00097, 5, 0, 0.001, 0.0002)]
    [InlineData(-3, 17, 4, -5, 20, 5)]
    [InlineData(7, 7, 5, 2, 12, 2)]
    [InlineData(0, 0, 5, -1, 1, 0.5)]
    public void Scale_ARange_IsRoundAndHoldsIt(double low, double high, int lines, double expectedLow, double expectedHigh, double step)
    {
        (double actualLow, double actualHigh, double actualStep) = SvgChart.Scale(low, high, lines);

        Assert.Equal(step, actualStep, 1e-9);
        Assert.Equal((expectedLow, expectedHigh), (Math.Round(actualLow, 9), Math.Round(actualHigh, 9)));
        Assert.True(actualLow <= low && actualHigh >= high);
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(2.5, "2.5")]
    [InlineData(0.00025, "2.5e-4")]
    [InlineData(1234, "1234")]
    [InlineData(12345, "12.35k")]
    [InlineData(999999, "1000k")]
    [InlineData(-3.1e6, "-3.1M")]
    public void Number_AnySize_IsShort(double value, string expected) => Assert.Equal(expected, SvgChart.Number(value));

    [Fact]
    public void Draw_ALine_GoesFromCornerToCorner()
    {
        XElement figure = XElement.Parse(SvgChart.Draw("Loss <&>", "", new ChartSeries("training", [(0, 0), (50, 5), (100, 10)])));

        string[] points = figure.Descendants("polyline").Single().Attribute("points")!.Value.Split(' ');
        Assert.Equal(["52.0,194.0", "239.0,102.0", "426.0,10.0"], points);
        Assert.Equal("Loss <&>", figure.Descendants("strong").Single().Value);
        Assert.Contains(figure.Descendants("text"), text => text.Value == "100" && text.Attribute("text-anchor")!.Value == "middle");
    }

    [Fact]
    public void Draw_OnePointOrNone_IsAPointOrNothing()
    {
        Assert.Equal("", SvgChart.Draw("Loss", "", new ChartSeries("training", [])));
        Assert.Equal("", SvgChart.Draw("Loss", "", new ChartSeries("training", [(3, double.NaN)])));

        XElement figure = XElement.Parse(SvgChart.Draw("Loss", "", new ChartSeries("training", [(3, 2.5)])));
        Assert.Single(figure.Descendants("circle"));
        Assert.Empty(figure.Descendants("polyline"));
    }

    [Fact]
    public void Draw_InAnyCulture_WritesPointsForCommas()
    {
        var culture = System.Globalization.CultureInfo.CurrentCulture;
        var comma = (System.Globalization.CultureInfo)System.Globalization.CultureInfo.InvariantCulture.Clone();
        comma.NumberFormat.NumberDecimalSeparator = ",";
        ChartSeries series = new("training", [(0, 1.25), (3, 2.75)]);
        string expected = SvgChart.Draw("Loss", "", series);
        try
        {
            System.Globalization.CultureInfo.CurrentCulture = comma;
            Assert.Equal(expected, SvgChart.Draw("Loss", "", series));
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = culture;
        }
    }

    [Fact]
    public void Thin_ManyPoints_KeepsTheMeanAndTheLast()
    {
        (double, double)[] points = [.. Enumerable.Range(1, 100_003).Select(i => ((double)i, i * 2.0))];

        List<(double X, double Y)> thin = SvgChart.Thin(points);

        Assert.InRange(thin.Count, 100, 301);
        Assert.Equal(points[^1], thin[^1]);
        Assert.All(thin, p => Assert.Equal(p.X * 2, p.Y, 1e-6));
        Assert.Equal(thin.Select(p => p.X).Order(), thin.Select(p => p.X));
    }
}
