"""The skills that are known by name. `skills` compiles this; it is data, to be edited.

A name, then other ways to write it after `=`. Case does not matter, except after two marks, for what is also an
ordinary word: `!` must be written exactly so, and `?` exactly so and where a skill can stand (see `skills`). The name
itself is one of the ways unless it begins with a mark. Space, hyphen, dot and slash are all one between words.
"""

VOCABULARY = """
# programming languages
Python = python3, cpython; Java; JavaScript = !JS, ecmascript; TypeScript = !TS; ?C = ansi c, c language; C++ = cpp
C# = csharp; .NET = dotnet, dot net, asp.net, .net core; ?Go = golang; ?Rust = rustlang; Kotlin; ?Swift
Objective-C = objc; ?Ruby; PHP; ?Scala = scala lang; ?R = rstudio, r programming, tidyverse; MATLAB; Perl; Haskell
Erlang; Elixir; Clojure; F#; ?Dart; ?Julia; Lua; Groovy; COBOL; Fortran; Visual Basic = vb.net, !VBA; Delphi
Assembly = assembler; Bash = shell scripting, shell scripts, bash scripting; PowerShell; SQL = transact sql, t-sql
PL/SQL = plsql; Solidity; OCaml; ?Zig; ABAP; ?Apex; WebAssembly = !WASM

# web
HTML = html5; CSS = css3; Sass = scss; React = react.js, reactjs; React Native; Angular = angularjs, angular.js
Vue.js = vuejs, ?Vue; Svelte = sveltekit; Next.js = nextjs; Nuxt = nuxt.js, nuxtjs; jQuery; Redux
Tailwind CSS = tailwind; ?Bootstrap; webpack; ?Vite = vite.js; Node.js = nodejs, ?Node
?Express = express.js, expressjs; NestJS = nest.js; Django = django rest framework; ?Flask; FastAPI
Spring Boot = springboot; ?Spring = spring framework, spring mvc; ?Hibernate; Ruby on Rails = !Rails, !RoR; Laravel
Symfony; WordPress; Drupal; GraphQL; !REST = restful, rest api, rest apis; gRPC; WebSocket = websockets
OpenAPI = ?Swagger; OAuth = oauth2, oauth 2; !JWT = json web token, json web tokens; ?Storybook; D3.js = d3js
Three.js = threejs; Accessibility = wcag, !a11y; Microservices = micro services, microservice; ?Celery; Pydantic
SQLAlchemy; asyncio

# data stores and messages
PostgreSQL = postgres; MySQL; MariaDB; SQLite; Oracle Database = oracle db, ?Oracle
SQL Server = microsoft sql server, mssql; MongoDB = mongo; Redis; ?Cassandra; DynamoDB
Elasticsearch = elastic search, elk stack; OpenSearch; Neo4j; ?Snowflake; BigQuery; ?Redshift; ClickHouse
Kafka = apache kafka; RabbitMQ; ActiveMQ; !NATS; Firebase; Supabase; Memcached; InfluxDB
Apache Spark = pyspark, ?Spark; Hadoop; Apache Flink = ?Flink; ?Hive = apache hive; Airflow = apache airflow; !dbt
!ETL = !ELT; Data Warehousing = data warehouse; Databricks; Data Modeling = data modelling

# cloud and operations
AWS = amazon web services; Azure = microsoft azure; Google Cloud = !GCP, google cloud platform; Docker = docker compose
Kubernetes = k8s; ?Helm = helm charts, helm chart; Terraform; Ansible; ?Puppet; ?Chef; Pulumi; OpenShift
AWS Lambda = ?Lambda; EC2; Amazon S3 = !S3; CloudFormation; Linux; Unix; Windows Server; nginx
Apache HTTP Server = apache httpd; HAProxy; ?Envoy; Istio; Jenkins; GitHub Actions; GitLab CI = gitlab ci/cd; CircleCI
Argo CD = argocd; CI/CD = cicd, continuous integration, continuous delivery; Git; GitHub; GitLab; Subversion = !SVN
Prometheus; Grafana; Datadog; Splunk; OpenTelemetry; ?Sentry; DevOps
!SRE = site reliability engineering, site reliability; Serverless; VMware; Networking = tcp/ip; !DNS; Vagrant; ?Consul
HashiCorp Vault = ?Vault; Infrastructure as Code = !IaC; Observability

# data science and machine learning
Machine Learning = !ML; Deep Learning; Artificial Intelligence = !AI; !NLP = natural language processing
Computer Vision; !LLM = llms, large language models, large language model; Generative AI = genai; Prompt Engineering
PyTorch; TensorFlow; Keras; scikit-learn = sklearn; pandas; NumPy; SciPy; Jupyter; Hugging Face = huggingface
LangChain; OpenCV; XGBoost; MLflow; Statistics = statistical analysis; Data Analysis = data analytics; Data Science
Data Engineering; Data Visualization = data visualisation; Tableau; Power BI = powerbi; ?Looker; Matplotlib; SPSS; !SAS
Stata; A/B Testing = a/b tests, ab testing; MLOps; ?Polars

# testing, security and methods
Unit Testing = unit tests; Test Automation = automated testing; !TDD = test driven development; pytest; JUnit
?Selenium; ?Cypress; ?Playwright; ?Jest; ?Postman; ?Cucumber; JMeter; Performance Testing = load testing
Quality Assurance = !QA; Cybersecurity = cyber security, information security; Penetration Testing = pentesting; OWASP
Cryptography; Agile = agile methods, agile methodologies; Scrum; Kanban; ?SAFe; Jira; ?Confluence
Code Review = code reviews; System Design = systems design; Software Architecture; Design Patterns
Domain-Driven Design = !DDD; Event-Driven Architecture = event driven
Object-Oriented Programming = !OOP, object oriented; Functional Programming; Distributed Systems
Concurrency = multithreading; Refactoring

# mobile, hardware, design
Android; !iOS; SwiftUI; ?Flutter; Xamarin; Jetpack Compose; Embedded Systems = embedded software; FPGA; VHDL; Verilog
Arduino; Raspberry Pi; !IoT = internet of things; !ROS = robot operating system; !PLC = !SPS; AutoCAD; SolidWorks; !CAD
Figma; Adobe XD; ?Sketch; Photoshop; ?Illustrator = adobe illustrator; InDesign; !UX = user experience, ux design
UI Design = !UI, user interface design; User Research; Wireframing = wireframes; ?Unity = unity3d; Unreal Engine
?Blender

# business and people
Microsoft Excel = ms excel, ?Excel; Microsoft Office = ms office; PowerPoint; Microsoft Word = ms word, ?Word; !SAP
Salesforce; HubSpot; !CRM; !ERP; Project Management; Product Management; People Management = team management
Team Leadership = team lead, led a team; Stakeholder Management; Mentoring = mentorship; ?Coaching
Negotiation = contract negotiation; Budgeting = budget management; Forecasting; Accounting; Financial Analysis
Financial Modeling = financial modelling; Auditing = internal audit; Risk Management
Compliance = regulatory compliance; !GDPR = dsgvo; Business Analysis = business analyst; Business Development
Change Management; Process Improvement; ?Lean = lean management; Six Sigma; !PMP; PRINCE2; ITIL
Requirements Engineering = requirements analysis; Technical Writing; Copywriting; Content Marketing; Digital Marketing
!SEO = search engine optimization; !SEM; Google Analytics; Social Media = social media marketing; Email Marketing
Market Research; Customer Service = customer support; Account Management; ?Sales; Procurement
Supply Chain = supply chain management; Logistics; Recruiting = recruitment, talent acquisition; Human Resources = !HR
Payroll; Event Management = event planning; Public Speaking; Teaching
"""
