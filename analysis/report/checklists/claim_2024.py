"""CLAIM, the checklist for artificial intelligence in medical imaging, in its update of 2024; in our own words."""

from analysis.report import methods_text as said

from .item import Checklist, Item

SCORES, DIFFERENCES = "Scores by number of labels", "Differences and savings that are shown"

CLAIM_2024 = Checklist(
    "CLAIM 2024",
    "Tejani AS, Klontzas ME, Gatti AA, et al. Radiology: Artificial Intelligence 2024;6(4):e240300",
    (
        Item("1", "Title or abstract names the kind of AI that is studied"),
        Item("2", "Abstract sums up design, methods, results and conclusions"),
        Item("3", "Background, and what the AI is meant to be used for"),
        Item("4", "Aims, objectives and hypotheses", (said.claims,), authors="aims and hypotheses"),
        Item("5", "Prospective or retrospective"),
        Item("6", "Goal of the study"),
        Item("7", "Where the data come from", (said.corpus,), authors="institutions, dates, labelled data"),
        Item("8", "Criteria of inclusion and exclusion"),
        Item("9", "How images were pre-processed", (said.preprocessing,), authors=None),
        Item("10", "How subsets of the data were chosen", (said.subsets, said.sizes), authors=None),
        Item("11", "How data were de-identified", (said.deidentification,), authors="what was done before ingest"),
        Item("12", "What was done about missing data"),
        Item("13", "How images were acquired"),
        Item("14", "How the reference standard was obtained"),
        Item("15", "Why this reference standard"),
        Item("16", "Who annotated, and with what qualification"),
        Item("17", "How the test set was annotated"),
        Item("18", "Variability within and between annotators"),
        Item("19", "How data were assigned to partitions", (said.partitions,), authors=None),
        Item("20", "At which level partitions are disjoint", (said.disjoint,), authors=None),
        Item("21", "Intended sample size", (said.test_sets,), authors="why this size"),
        Item("22", "The model in detail", (said.initialisations, said.adaptation), section="Settings", authors=None),
        Item("23", "Software and libraries", (said.software,), section="Environment", authors=None),
        Item("24", "How model parameters begin", (said.initialisations, said.pretraining), authors=None),
        Item("25", "How the model was trained", (said.pretraining, said.search), section="Settings", authors=None),
        Item("26", "How the final model was selected", (said.selection, said.final_runs), authors=None),
        Item("27", "Ensembles", authors="whether models are to be combined; final runs are scored one by one"),
        Item("28", "Metrics of performance", (said.metrics, said.thresholds), authors=None),
        Item("29", "Significance and uncertainty", (said.uncertainty, said.comparisons), authors=None),
        Item("30", "Robustness or sensitivity analysis", (said.external,)),
        Item("31", "Explainability"),
        Item("32", "Evaluation on internal data", (said.test_sets,), section=SCORES, authors=None),
        Item("33", "Testing on external data", (said.external,)),
        Item("34", "Registration as a clinical trial"),
        Item("35", "Patients or examinations included and excluded", (said.test_sets, said.exclusions),
             authors="flow of patients before ingest"),
        Item("36", "Characteristics of patients in each partition"),
        Item("37", "Performance with its uncertainty", section=SCORES, authors=None),
        Item("38", "Diagnostic performance and its precision", section=DIFFERENCES, authors=None),
        Item("39", "What was classified wrongly, and why"),
        Item("40", "Limitations"),
        Item("41", "What it means for practice"),
        Item("42", "Full protocol or further technical details", section="Settings", authors="link to the protocol"),
        Item("43", "Availability of software, models and data", (said.models,), authors="where they can be had"),
        Item("44", "Funding, and the funders' role"),
    ),
)  # fmt: skip
