namespace PreTrain.Distillation;

/// <summary>Which layer of a teacher each layer of a student follows.</summary>
internal static class LayerPairs
{
    /// <summary>The teacher's layers, counted from 0, one for each of the student's.</summary>
    internal static IReadOnlyList<int> Of(IReadOnlyList<int>? map, int student, int teacher)
    {
        if (map is null)
        {
            if (student > teacher) throw new ArgumentException($"A student of {student} layers cannot follow a teacher of {teacher} by itself; name the layers in {nameof(DistillationOptions.LayerMap)}.");
            return [.. Enumerable.Range(1, student).Select(layer => (int)((long)layer * teacher / student) - 1)];
        }
        if (map.Count != student) throw new ArgumentException($"{nameof(DistillationOptions.LayerMap)} names {map.Count} layers; it must name one for each of the {student} layers of the student.");
        foreach (int layer in map)
        {
            if (layer < 0 || layer >= teacher) throw new ArgumentException($"{nameof(DistillationOptions.LayerMap)} names the layer {layer}; the teacher's are 0 to {teacher - 1}.");
        }
        return map;
    }
}
