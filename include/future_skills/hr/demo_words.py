"""The vocabulary of the generated company: departments with their titles, skill categories with their topics."""

DEPARTMENTS: dict[str, tuple[str, ...]] = {
    "IT": ("Developer", "Systems Administrator", "Solution Architect", "Support Engineer", "Test Engineer", "Security Analyst"),
    "Data": ("Data Analyst", "Data Engineer", "Data Scientist", "Reporting Specialist", "Data Steward", "Statistician"),
    "Finance": ("Accountant", "Controller", "Treasury Analyst", "Auditor", "Tax Specialist", "Credit Analyst"),
    "RH": ("Recruiter", "Training Officer", "Payroll Specialist", "HR Business Partner", "Labour Lawyer", "Talent Analyst"),
    "Marketing": ("Brand Manager", "Content Editor", "Campaign Planner", "Market Researcher", "Web Designer", "Event Planner"),
    "Sales": ("Account Manager", "Sales Representative", "Bid Writer", "Key Account Planner", "Sales Trainer", "Pricing Analyst"),
    "Operations": (
        "Production Planner",
        "Quality Inspector",
        "Maintenance Technician",
        "Logistics Planner",
        "Buyer",
        "Safety Officer",
    ),
    "Engineering": (
        "Mechanical Engineer",
        "Process Engineer",
        "Electrical Engineer",
        "Product Designer",
        "Robotics Engineer",
        "Tester",
    ),
    "Legal": (
        "Contract Lawyer",
        "Compliance Officer",
        "Data Protection Officer",
        "Patent Specialist",
        "Paralegal",
        "Risk Analyst",
    ),
    "Customer Service": (
        "Service Agent",
        "Complaints Analyst",
        "Field Technician",
        "Service Planner",
        "Chat Agent",
        "Knowledge Editor",
    ),
}
SENIORITIES = ("", "Senior", "Junior", "Lead")

CATEGORIES: dict[str, tuple[str, ...]] = {
    "Programming": ("Python", "Java", "TypeScript", "SQL", "Rust", "C++", "Go", "Kotlin"),
    "Cloud": ("Kubernetes", "Terraform", "Serverless", "Cloud Networking", "Observability", "Containers"),
    "Data and AI": ("Machine Learning", "Forecasting", "Language Models", "Computer Vision", "Data Modelling", "Statistics"),
    "Cybersecurity": (
        "Identity Management",
        "Penetration Testing",
        "Incident Response",
        "Encryption",
        "Threat Modelling",
        "Zero Trust",
    ),
    "Finance Methods": ("Consolidation", "Cash Planning", "Cost Accounting", "Tax Reporting", "Risk Pricing", "Auditing"),
    "People Methods": ("Coaching", "Interviewing", "Compensation", "Workforce Planning", "Onboarding", "Mediation"),
    "Marketing Methods": ("Search Marketing", "Copywriting", "Segmentation", "Social Media", "Brand Strategy", "Web Analytics"),
    "Sales Methods": ("Negotiation", "Tendering", "Account Planning", "Pricing", "Prospecting", "Demonstrations"),
    "Production": (
        "Lean Methods",
        "Predictive Maintenance",
        "Quality Control",
        "Scheduling",
        "Additive Manufacturing",
        "Robot Cells",
    ),
    "Logistics": ("Route Planning", "Warehousing", "Customs", "Procurement", "Inventory Control", "Cold Chain"),
    "Law": ("Contracts", "Privacy Law", "Competition Law", "Intellectual Property", "Labour Law", "Export Control"),
    "Communication": ("Technical Writing", "Public Speaking", "Conflict Resolution", "French", "Arabic", "Facilitation"),
    "Management": ("Project Planning", "Budgeting", "Change Management", "Delegation", "Agile Methods", "Goal Setting"),
    "Sustainability": (
        "Carbon Accounting",
        "Energy Audits",
        "Circular Design",
        "Waste Reduction",
        "Green Procurement",
        "Reporting",
    ),
    "Office Tools": ("Spreadsheets", "Presentations", "Word Processing", "E-mail", "Archiving", "Video Meetings"),
}
FACETS = ("Basics", "Practice", "Automation", "Architecture", "Governance", "Tooling", "Assessment", "Teaching")

HOME_CATEGORIES: dict[str, tuple[str, ...]] = {
    "IT": ("Programming", "Cloud", "Cybersecurity"),
    "Data": ("Data and AI", "Programming", "Cloud"),
    "Finance": ("Finance Methods", "Data and AI", "Office Tools"),
    "RH": ("People Methods", "Communication", "Law"),
    "Marketing": ("Marketing Methods", "Data and AI", "Communication"),
    "Sales": ("Sales Methods", "Communication", "Marketing Methods"),
    "Operations": ("Production", "Logistics", "Sustainability"),
    "Engineering": ("Production", "Programming", "Sustainability"),
    "Legal": ("Law", "Cybersecurity", "Communication"),
    "Customer Service": ("Communication", "Office Tools", "Sales Methods"),
}
"""The categories a department works with most; decisions there are more often HIGH."""

FIRST_NAMES = ("Amina", "Bruno", "Chloé", "Dimitri", "Elif", "Farid", "Greta", "Hana", "Idris", "Jana", "Karim", "Lucia")
LAST_NAMES = (
    "Alaoui",
    "Bernard",
    "Costa",
    "Diallo",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Ivanov",
    "Jensen",
    "Kaya",
    "Leroy",
)
