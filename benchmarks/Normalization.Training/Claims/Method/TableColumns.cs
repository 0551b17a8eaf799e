namespace Normalization.Training.Claims.Method;

internal static class TableColumns
{
    /// <summary>One column of a table [rows, columns], such as what a unit gave for each image.</summary>
    public static double[] Column(this Tensor<float> table, int column)
    {
        (int rows, int width) = (table.Shape[0], table.Shape[1]);
        var values = new double[rows];
        for (int n = 0; n < rows; n++)
            values[n] = table.Span[n * width + column];

        return values;
    }
}
