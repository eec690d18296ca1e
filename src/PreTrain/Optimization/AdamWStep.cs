namespace PreTrain.Optimization;

/// <summary>The numbers of one update of one group: w ← w·Keep − Rate·m / (√v·InverseRoot + Epsilon), with g scaled first.</summary>
internal readonly record struct AdamWStep(
    double GradientScale, double Beta1, double Beta2, double Epsilon, double Keep, double Rate, double InverseRoot);
