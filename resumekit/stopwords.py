"""Words that say nothing about a job: what English is held together with, and what every advertisement is made of."""

_GRAMMAR = """
a able about above across after again against all almost along already also although always am among an and another any
anyone anything are around as at away be became because become been before behind being below between beyond both but
by can cannot come could did do does doing done down due during e each eg either else enough etc even ever every
everyone everything few first for from further g get give go goes going good got had has have having he hence her here
hers him his how however i ie if in indeed instead into is it its itself just keep last least less let like made make
many may me might mine more most much must my near need needs neither never new next no nobody none nor not nothing now
of off often on once one only onto or other others otherwise our ours out over own part per perhaps please put quite
rather really s same see seem several shall she should since so some someone something sometimes soon still such t take
than that the their theirs them then there therefore these they thing things this those though three through throughout
thus to together too toward towards two under until up upon us use used using very via vs want was way we well were
what whatever when where whether which while who whom whose why will with within without would yes yet you your yours
yourself
"""
_ADVERTISEMENT = """
ability accommodation advantage age answer applicant applicants application applications apply asap attractive
background based basis benefit benefits best bonus bring build candidate candidates career careers caring challenge
challenges challenging click colleague colleagues come company competitive contact contract create culture currently cv
daily date day days degree deliver desirable desired develop disability dynamic email employee employees employer
employment ensure equal equivalent essential etc ethnicity excellent exciting expect experience experienced familiar
familiarity fast flexible free friendly full fulltime gender great grow growing growth hands help high highly hire
hiring holiday holidays hour hours hybrid ideal ideally impact implement include includes including interest interested
interview job jobs join joining journey know knowledge large leading level life like location long look looking love
maintain manage minimum mission month months multiple national nice offer offering offers office opportunities
opportunity organisation organization orientation origin paced paid parental part partner passion passionate pension
people perk perks permanent person place plus position possible preferably preferred pro proven provide qualification
qualifications qualified race range receive related relevant religion remote request require required requirement
requirements requires responsibilities responsibility responsible resume right role roles salary search seek seeking
self send service services sexual share skill skills small solid start status strong success successful suitable
support talented task tasks team teams time today top type understanding vacation various vibrant visa week weeks
welcome willing willingness word work working workplace works world year years young
"""

STOP_WORDS = frozenset(f"{_GRAMMAR} {_ADVERTISEMENT}".split())
"""In lower case."""
