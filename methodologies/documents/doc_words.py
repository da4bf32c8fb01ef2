"""Fixed words of the generated documentation, in Chinese and English."""

from __future__ import annotations

from methodologies.documents.mathml import Language

# What the status of a parameter means: its Chinese name, and the meaning in both languages.
STATUS_WORDS = {
    "verified": ("已核实", "看过原文", "read in the source itself"),
    "secondary": (
        "二手来源",
        "见可靠转引，或由这样的数直接算出",
        "read in a reliable quotation, or plain arithmetic on such numbers",
    ),
    "unverified": ("未核实", "没有查到原文", "the source was not seen"),
    "illustrative": ("示意", "为说明用法而设的数，没有依据", "made up to show how it works"),
    "local-decision": (
        "本市决定，待采纳",
        "推导或设计选择，须由主管部门签署采纳",
        "a derivation or design choice the authority has to adopt",
    ),
}
DISTRIBUTION_WORDS = {
    "fixed": "固定",
    "normal": "正态",
    "lognormal": "对数正态",
    "triangular": "三角",
    "uniform": "均匀",
}
SUBJECT_WORDS = {
    "parcel": ("一块地（一个监测期）", "a parcel over one monitoring period"),
    "act": ("一次行为", "an act"),
    "facility": ("一台设施", "a facility"),
}
_WORDS = {
    "generated": (
        "<!-- 由 tools/methodology_docs.py 从声明生成。改声明，再 make docs；不要改这里。 -->",
        "<!-- Generated from the declaration by tools/methodology_docs.py: change that, then make docs. -->",
    ),
    "this": ("本方法学", "this methodology"),
    "all": ("全部方法学", "All methodologies"),
    "write": ("怎样写一个", "How to write one"),
    "what": ("项", "What"),
    "here": ("内容", "Here"),
    "source": ("来源", "Source"),
    "basis": ("依据", "Based on"),
    "subject": ("一行数据是", "One row is"),
    "result": ("结果", "Result"),
    "gwp": ("增温潜势", "Warming potentials"),
    "version": ("版本", "Version"),
    "counts": ("公式 · 参数 · 算例", "Equations · parameters · cases"),
    "standing": ("结果能不能签发", "Can a result be issued?"),
    "may-issue": (
        "可以进入签发流程：全部参数都看过原文，或见可靠转引。",
        "It can enter the issuing procedure: every parameter was read in its source or in a reliable "
        "quotation.",
    ),
    "estimate": (
        "用到下面任何一个参数的结果是**试算**，不能签发；主管部门对这一组参数的摘要签署采纳以后才可以。"
        "没有来源，就没有吨。",
        "A result that used any of the parameters below is an **estimate (试算)** and cannot be issued until "
        "the authority has adopted exactly this set by its signature. No source, no tonne.",
    ),
    "inputs": ("要填的数据", "Input data"),
    "inputs-how": (
        "每个数都按单位和允许范围逐行检查；错在哪一行、哪一列、允许多少，逐条写明。XLSX 模板：",
        "Every figure is checked row by row against unit and range; a refusal names row, column and range. "
        "XLSX template:",
    ),
    "column": ("列", "Column"),
    "symbol": ("符号", "Symbol"),
    "meaning": ("含义", "Meaning"),
    "unit": ("单位", "Unit"),
    "allowed": ("允许", "Allowed"),
    "need": ("必填", "Required"),
    "range": ("范围", "Range"),
    "tables": ("附表", "Measured tables"),
    "tables-how": (
        "附表是现场记录，程序把它整理成上面的列。同一格不能既填数又由附表算出。",
        "Field records, worked up into the columns above. A cell is filled by hand or from a table, never "
        "both.",
    ),
    "yields": ("整理出：", "It yields:"),
    "equations": ("公式", "Equations"),
    "equations-how": (
        "按计算次序排列。公式由程序求值的同一段文字画出，每一步的结果都随核算保存。下面的符号处处可用：",
        "In the order of computation, drawn from the very text the software evaluates; the result of every "
        "step is stored with a run. Symbols that may stand anywhere:",
    ),
    "t1": ("监测期开始（十进制年）", "start of the monitoring period (decimal year)"),
    "t2": ("监测期结束（十进制年）", "end of the monitoring period (decimal year)"),
    "dt": ("监测期长度（年）", "length of the monitoring period (years)"),
    "choice": ("选项", "Choice"),
    "takes": ("取", "Takes"),
    "otherwise": ("其他", "otherwise"),
    "parameters": ("参数", "Parameters"),
    "parameters-how": (
        "取值后的括号里是开始施行的日子。范围是公布的 95 % 区间（有的话）；分布说明不确定性分析怎样抽取它。",
        "In brackets after a value: its first day in force. The range is the published 95 % interval where "
        "there is one; the distribution says how an uncertainty analysis draws it.",
    ),
    "name": ("名称", "Name"),
    "value": ("取值", "Value"),
    "distribution": ("分布", "Distribution"),
    "page": ("页码或表号", "Page or table"),
    "status": ("状态", "Status"),
    "cases": ("算例", "Worked cases"),
    "cases-how": (
        "测试每次都重算下面的每一个算例，对到印出的最后一位。它们在",
        "The test suite recomputes each of these to the last printed digit. They stand in",
    ),
    "all-cases": ("全部算例", "All cases"),
    "step-by-step": ("一步一步", "Step by step"),
    "case": ("算例", "Case"),
    "gives": ("应得", "Must give"),
    "file": ("文件", "File"),
    "given": ("值", "Value"),
    "equation": ("式", "Eq."),
    "numbers": ("代入数值", "With the numbers put in"),
    "recompute": ("自己重算", "Recompute it yourself"),
    "recompute-how": (
        "不用数据库，不用登录。结果里有输入、每一步、合计、提示，和输入、参数、代码三个摘要；"
        "第二条命令抽取参数，给出结果的分布和影响最大的参数。",
        "No database, no log-in. The result holds inputs, every step, totals, warnings, and the digests of "
        "input, parameters and code. The second command draws the parameters: distribution of the result, "
        "and what contributes most to it.",
    ),
    "methodology": ("方法学", "Methodology"),
    "key": ("代号", "Key"),
    "evidence": ("参数状态", "Parameters"),
    "can-issue": ("可签发", "can be issued"),
    "statuses": ("参数的状态", "Status of a parameter"),
    "statuses-how": (
        "一个结果只要用到一个“不能直接签发”的参数，就是试算。",
        "A result that used a single parameter which may not be issued on is an estimate (试算).",
    ),
    "issue-on": ("能否直接用于签发", "May be issued on"),
    "yes": ("能", "yes"),
    "after-adoption": ("不能，先签署采纳", "only after adoption"),
    "index": ("方法学", "Methodologies"),
    "index-how": (
        "每个方法学是一份声明加一个纯函数。公式、参数、要填的数据、算例都从声明印出来，不另写一遍。",
        "A methodology is one declaration and one pure function. Equations, parameters, input data and cases "
        "are printed from the declaration, not written twice.",
    ),
}


def word(key: str, language: Language) -> str:
    """One of the fixed words."""
    return _WORDS[key][0 if language == "zh" else 1]
